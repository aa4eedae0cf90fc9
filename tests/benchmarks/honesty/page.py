"""The page with what was found."""


def write_page(found, path):
    path.write_text("")
