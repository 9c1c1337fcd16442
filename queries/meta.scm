; The model of a form, a serializer, a filter or a factory: `class Meta: model = M`.

(assignment left: (identifier) @_name right: (_) @target
  (#eq? @_name "model")
  (#set! class "Meta")
  (#set! role "meta-model"))

; The model of a view.
(assignment left: (identifier) @_name right: (_) @target
  (#eq? @_name "model")
  (#set! class "*")
  (#set! role "view-model"))

; What old factories said instead.
(assignment left: (identifier) @_name right: (_) @target
  (#eq? @_name "FACTORY_FOR")
  (#set! role "factory-for") (#set! kind "factory"))
