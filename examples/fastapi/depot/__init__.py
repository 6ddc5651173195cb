"""A depot that sends parcels. It gets events from the shop and the scales, and requests from its website."""
