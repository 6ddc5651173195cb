"""A depot that sends parcels: what the shop and the scales say reaches it as events."""
