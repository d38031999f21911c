"""The whole system on one machine, as `make run` starts it: embedded servers, services, a supervisor."""
