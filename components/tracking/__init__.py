"""MLflow behind the `Tracker` Protocol, and the clients that steps share. No step; component bodies pass it in."""
