"""Settings with operations of their own, one module for each: TTL, tags, recovery, insights, policy, Kinesis."""
