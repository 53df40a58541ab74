"""Data sets on disk. Only download uses the network.

sources   the data sets: addresses, sizes, checksums, licences
fetch     bench data fetch: what is missing, disk, archives
staging   what lies there meanwhile: a lock, and sweeping
download  one file, resumed, bounded and checked
unpack    archives, never outside their folder, never more than declared
whole     is a data set whole?
idx       MNIST's file format
"""
