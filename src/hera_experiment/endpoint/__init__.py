"""The loopback Argo server that scripts talk to, and the platforms that stand behind it."""
