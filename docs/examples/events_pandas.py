"""Choose events in pandas: python docs/examples/events_pandas.py EVENTS.ndjson.gz FIRST-DAY OUT.parquet OUT.ndjson"""

import sys

import pandas as pd

source, first_day, as_parquet, as_ndjson = sys.argv[1:]
# dtype=False: else pandas makes numbers of texts such as "1.0" and "007"
events = pd.read_json(source, lines=True, dtype=False)
events["time"] = pd.to_datetime(events["time"], utc=True, format="ISO8601")
chosen = events[events["time"] >= first_day]

columns = pd.json_normalize(chosen.to_dict("records"))  # data.author, data.reply, …: gaps are NaN
columns.to_parquet(as_parquet)
chosen.to_json(as_ndjson, orient="records", lines=True, date_format="iso")  # data stays an object
