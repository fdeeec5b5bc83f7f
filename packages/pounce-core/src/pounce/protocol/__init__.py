"""All that a sibling distribution, or an outsider's, may import of pounce.

Roles and descriptors say what a plug-in is; the exchange is one request and its
response, the same for every protocol; limits and errors are shared by all.
"""
