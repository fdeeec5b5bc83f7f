"""Two sample protocols of an outsider's for pounce: lines instead of requests, and shouting."""
