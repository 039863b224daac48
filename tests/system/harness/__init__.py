"""What the system tests stand on: servers, the daemon, a write load, an independent comparison, the runner."""
