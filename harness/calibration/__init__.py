"""How often the suite errs: measured on data and on models whose truth is known.

`pytest -m calibration` runs what is here and writes `reports/calibration/`.
"""
