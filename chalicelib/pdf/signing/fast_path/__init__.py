"""Two shortcuts that make sealing fast. `Sealer.fast_path` switches both off.

- `verbatim_import` copies the objects that reportlab wrote into another file without parsing them.
- `cms_pattern` fills the digest and the signature into a CMS message that pyHanko made once.

Each shortcut has pyHanko's own implementation beside it. A test seals the same files both ways and compares
the results. If a shortcut meets input of another form, it raises `ValueError` and pyHanko does the work."""
