"""What a model of botocore asks of a value, beyond what botocore itself checks."""

import regex


class Constraints:
    """What botocore itself leaves to the services: patterns, enums, and lengths and ranges in both directions."""

    def __init__(self):
        self.problems = []
        self.values = 0
        self.checked = 0

    def check(self, value, shape, path):
        if shape.type_name == "structure":
            for name, inner in value.items():
                self.check(inner, shape.members[name], f"{path}.{name}")
        elif shape.type_name == "map":
            self.check_limits(len(value), shape, path)
            for key, inner in value.items():
                self.check(key, shape.key, f"{path}, key {key}")
                self.check(inner, shape.value, f"{path}.{key}")
        elif shape.type_name == "list":
            self.check_limits(len(value), shape, path)
            for index, item in enumerate(value):
                self.check(item, shape.member, f"{path}[{index}]")
        else:
            self.values += 1
            if shape.type_name == "string":
                self.check_text(value, shape, path)
            elif shape.type_name in ("integer", "long", "float", "double"):
                self.check_limits(value, shape, path)

    def check_text(self, value, shape, path):
        self.check_limits(len(value), shape, path)
        enum, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
        if enum:
            self.expect(value in enum, f"{path}: {value!r} is not one of {', '.join(enum)}")
        if pattern:
            self.expect(matches(pattern, value), f"{path}: {value!r} does not match {pattern}")

    def check_limits(self, number, shape, path):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None or most is not None:
            right = (least is None or least <= number) and (most is None or number <= most)
            self.expect(right, f"{path}: {number} is not from {least} to {most}")

    def expect(self, right, problem):
        self.checked += 1
        if not right:
            self.problems.append(problem)


def matches(pattern, text):
    """Whether all of the text matches. Patterns are Java's, whose characters past U+FFFF are pairs."""
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return regex.fullmatch(pattern, text) is not None
