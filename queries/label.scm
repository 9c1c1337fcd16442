; Models named by label: `get_model('app', 'Model')`, content types.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list [(string) (concatenated_string) (parenthesized_expression)] @target)
  (#any-of? @_f "get_model" "get_registered_model" "get_by_natural_key")
  (#set! target "string")
  (#set! role "model-label") (#set! kind "string-reference") (#set! access "none"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#any-of? @_f "get_model" "get_registered_model" "get_by_natural_key")
  (#any-of? @_k "app_label" "model_name" "model")
  (#set! target "string")
  (#set! role "model-label") (#set! kind "string-reference") (#set! access "none"))

; `ContentType.objects.get(app_label=…, model=…)`
(call
  function: (attribute object: (attribute object: (identifier) @_type))
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#eq? @_type "ContentType")
  (#match? @_k "^(app_label|model)(__|$)")
  (#set! target "string")
  (#set! role "model-label") (#set! kind "string-reference") (#set! access "none"))

; `ContentType.objects.filter(app_label=…).get(model=…)`
(call
  function: (attribute object: (call function: (attribute object: (attribute object: (identifier) @_type))))
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#eq? @_type "ContentType")
  (#match? @_k "^(app_label|model)(__|$)")
  (#set! target "string")
  (#set! role "model-label") (#set! kind "string-reference") (#set! access "none"))

; `filter(content_type__model=…)`
(keyword_argument name: (identifier) @_k value: (_) @target
  (#match? @_k "content_type__(app_label|model)")
  (#set! target "string")
  (#set! role "model-label") (#set! kind "string-reference") (#set! access "none"))

; `ContentType.objects.get_for_model(M)`
(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#any-of? @_f "get_for_model" "get_for_models")
  (#set! role "content-type") (#set! kind "string-reference") (#set! access "none"))
