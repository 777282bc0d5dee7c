"""Load tests: ghz against both servers, scenarios as data, a table and a JSON file.

``scenario`` is what to run, ``servers`` starts and stops either server, ``ghz`` drives the load generator,
``measurement`` reads its report, ``answers`` checks a sample against scikit-learn, ``rounds`` puts them together,
``environment`` says where it ran, ``table`` prints. ``python -m loadtest SCENARIO`` is the command.
"""
