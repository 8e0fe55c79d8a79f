"""``typing.TYPE_CHECKING`` without ``typing``, whose import takes as long as a short command may.

Type checkers take a constant of this name for true. The modules that start-up needs import what
only annotations use below it; an alias is a string there.
"""

TYPE_CHECKING = False
