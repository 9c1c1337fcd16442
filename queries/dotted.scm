; Dotted names of Python objects in strings, and objects that are patched.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#any-of? @_f "patch" "import_string" "import_module" "__import__" "import_by_path")
  (#set! target "string")
  (#set! role "dotted-string") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (_) @target)
  (#eq? @_o "patch") (#any-of? @_f "multiple" "dict" "object")
  (#set! target "string")
  (#set! role "dotted-string") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (_) @target)
  (#eq? @_o "monkeypatch") (#any-of? @_f "setattr" "delattr")
  (#set! target "string")
  (#set! role "dotted-string") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (_) @target)
  (#eq? @_o "patch") (#any-of? @_f "object" "multiple" "dict")
  (#set! role "patch-object") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (_) @target)
  (#eq? @_o "monkeypatch") (#any-of? @_f "setattr" "delattr")
  (#set! role "patch-object") (#set! kind "string-reference") (#set! access "none"))
