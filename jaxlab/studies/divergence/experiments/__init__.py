"""The published networks: true flows beside the published schemes."""
