"""Scores by day in polars: python docs/examples/scores_polars.py SCORES.parquet"""

import sys

import polars as pl

scores = pl.scan_parquet(sys.argv[1])
# a member without a score on the first day begins with their first one
gain = (
    scores.sort("as_of")
    .group_by("member")
    .agg(first=pl.col("score").first(), last=pl.col("score").last())
    .with_columns(gain=pl.col("last") - pl.col("first"))
    .sort("gain", "member", descending=[True, False])
    .head(3)
)
for member, first, last, gained in gain.collect().iter_rows():
    print(f"{member}: {first} to {last}, {gained:+}")
