"""The Airflow of `make run` and `make up`: starts it with its database on this machine, runs nights, stops what it started.

Nothing here imports Airflow: it runs in processes of its own and is used through its public REST API.
"""
