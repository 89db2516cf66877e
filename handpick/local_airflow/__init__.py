"""The Airflow of `make run` and `make up`: starts it with its database, runs nights, and stops it.

Nothing here imports Airflow: it runs in processes of its own and is used through its public REST API.
"""
