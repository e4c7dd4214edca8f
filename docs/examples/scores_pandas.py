"""Scores by day in pandas: python docs/examples/scores_pandas.py SCORES.parquet (with --numbers float)"""

import sys

import pandas as pd

scores = pd.read_parquet(sys.argv[1])
by_day = scores.groupby("as_of")["score"].agg(["size", "mean", "max"])
print(by_day.round(2).to_string())

# a member without a score on a day has 0 there
days = scores.pivot(index="member", columns="as_of", values="score").fillna(0.0)
gain = (days.iloc[:, -1] - days.iloc[:, 0]).round(2).rename("gain").reset_index()
print(gain.sort_values(["gain", "member"], ascending=[False, True]).head(3).to_string(index=False))
