; The model of a form, a serializer, a filter or a factory: `class Meta: model = M`.

(class_definition
  name: (identifier) @_class
  body: (block
    (expression_statement
      (assignment left: (identifier) @_name right: (expression) @target)))
  (#eq? @_class "Meta") (#eq? @_name "model")
  (#set! role "meta-model"))

; What old factories said instead.
(assignment left: (identifier) @_name right: (expression) @target
  (#eq? @_name "FACTORY_FOR")
  (#set! role "factory-for") (#set! kind "factory"))
