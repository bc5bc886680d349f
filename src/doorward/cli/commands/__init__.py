"""What `dw` can do: one module for each group of commands, loaded when it is asked for."""
