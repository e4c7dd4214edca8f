"""Scores by day in DuckDB: python docs/examples/scores_duckdb.py SCORES.parquet"""

import sys

import duckdb

pillars = """
    select as_of, sum(score) as points,
        round(100 * sum(find) / sum(score), 1) as find, round(100 * sum(relate) / sum(score), 1) as relate
    from read_parquet($scores) group by as_of order by as_of desc limit 3
"""
for row in duckdb.execute(pillars, {"scores": sys.argv[1]}).fetchall():
    print(*row)
