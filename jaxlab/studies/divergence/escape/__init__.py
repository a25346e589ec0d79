"""Flows to infinity, and controls that stay: closed forms and shallow networks."""
