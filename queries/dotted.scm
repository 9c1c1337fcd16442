; Dotted names of Python objects in strings, and objects that are patched.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#any-of? @_f "patch" "import_string" "import_module" "__import__" "import_by_path")
  (#set! role "dotted-string") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute
    object: [(identifier) @_patch (attribute attribute: (identifier) @_patch)]
    attribute: (identifier) @_f)
  arguments: (argument_list . [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#eq? @_patch "patch") (#any-of? @_f "multiple" "dict" "object")
  (#set! role "dotted-string") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute object: (identifier) @_patch attribute: (identifier) @_f)
  arguments: (argument_list . [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#eq? @_patch "monkeypatch") (#any-of? @_f "setattr" "delattr")
  (#set! role "dotted-string") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute
    object: [(identifier) @_patch (attribute attribute: (identifier) @_patch)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (expression) @target)
  (#eq? @_patch "patch") (#eq? @_f "object")
  (#set! role "patch-object") (#set! kind "string-reference") (#set! access "none"))

(call
  function: (attribute object: (identifier) @_patch attribute: (identifier) @_f)
  arguments: (argument_list . [(identifier) (attribute)] @target)
  (#eq? @_patch "monkeypatch") (#any-of? @_f "setattr" "delattr")
  (#set! role "patch-object") (#set! kind "string-reference") (#set! access "none"))
