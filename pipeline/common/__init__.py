"""What every part of the pipeline uses: days, offsets, keys, columns of JSON. It knows nothing of members or scores.

Anything that needs a rubric, a frame or a member belongs to the package that is about these.
"""
