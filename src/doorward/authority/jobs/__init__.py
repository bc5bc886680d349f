"""What happens without a call: leases that run out, deadlines, summaries."""
