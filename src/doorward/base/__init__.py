"""What every part stands on: time, chance, ids, errors. It knows nothing about access."""
