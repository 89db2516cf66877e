"""The house: starts Airflow and its database on this machine, runs nights through it, and stops what it started.

Airflow is only ever a separate process here, spoken to over its public API.
"""
