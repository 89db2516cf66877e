"""Exits with 0 if Airflow's API server reports a component as healthy, else with 1: `healthy.py COMPONENT`.

`airflow jobs check` reports the same, but takes seconds to load Airflow each time.
"""

import json
import sys
from urllib.request import urlopen

with urlopen("http://api-server:8080/api/v2/monitor/health", timeout=10) as page:
    sys.exit(json.load(page)[sys.argv[1]]["status"] != "healthy")
