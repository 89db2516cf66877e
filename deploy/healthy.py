"""Whether Airflow's API server hears the heartbeat of a component; the exit status is the answer.

`airflow jobs check` says the same, but each time loads Airflow for seconds.
"""

import json
import sys
from urllib.request import urlopen

with urlopen("http://api-server:8080/api/v2/monitor/health", timeout=10) as page:
    sys.exit(json.load(page)[sys.argv[1]]["status"] != "healthy")
