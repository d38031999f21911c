"""What every HTTP service of ours does the same way: Starlette applications on uvicorn.

A service brings one function of its own, its `Refusal`: how an error looks to its clients. Routes, limits,
logs, metrics, health and the process around them stand here once.
"""
