"""What the Python programs of the test groups share. Tests/lib.sh puts this folder's parent on Python's path."""
