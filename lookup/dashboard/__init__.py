"""The dashboard: pages for people over what the service answers."""

from lookup.dashboard.routes import dashboard_routes
from lookup.dashboard.sources import Dashboard

__all__ = ["Dashboard", "dashboard_routes"]
