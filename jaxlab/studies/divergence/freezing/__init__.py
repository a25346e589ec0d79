"""Descent in number formats, which stops where the flow goes on."""
