"""The lake: immutable Parquet partitions by table and logical date, and the media files that rows name."""
