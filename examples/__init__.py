"""Stand-ins for trying the portal out: a small EMR (`clinic`) and what a provider receives (`mailbox`).

They use only the portal's public contracts and the local AWS, and import nothing from the portal's code.
"""
