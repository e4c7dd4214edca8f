"""Points as people read them: hundredths become decimals."""


def as_points(hundredths: int) -> str:
    """Hundredths as points for people: 1234 -> '12.34'.

    >>> as_points(1234), as_points(-5)
    ('12.34', '-0.05')
    """
    whole, rest = divmod(abs(hundredths), 100)
    return f"{'-' if hundredths < 0 else ''}{whole}.{rest:02d}"
