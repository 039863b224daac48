"""The servers' own replication tests as workloads: a reader of .test files and the list of those that are run."""
