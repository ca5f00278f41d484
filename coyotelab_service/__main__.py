"""Runs the service: `python -m coyotelab_service`, by the Hub."""

from .app import ServiceApp

if __name__ == "__main__":
    ServiceApp.launch_instance()
