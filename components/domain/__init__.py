"""The types that steps share. No step's logic lives here."""
