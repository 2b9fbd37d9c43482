"""Objects in S3-compatible stores, for whichever step reads them."""
