"""Who is connected with whom: links in columns, how they are kept, and the sweep that ranks everybody among theirs.

It is given pairs of members and scores; it knows neither shards nor transactions.
"""
