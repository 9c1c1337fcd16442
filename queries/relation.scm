; Fields that point to a model, and the names under which the model finds them.

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list . (_) @target)
  (#match? @_f "(ForeignKey|OneToOneField|ManyToManyField|ForeignObject|GenericRelation)$")
  (#set! role "relation") (#set! kind "relation") (#set! access "schema"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#any-of? @_k "to" "through")
  (#match? @_f "(ForeignKey|OneToOneField|ManyToManyField|ForeignObject|GenericRelation)$")
  (#set! role "relation") (#set! kind "relation") (#set! access "schema"))

(call
  function: [(identifier) @_f (attribute attribute: (identifier) @_f)]
  arguments: (argument_list (keyword_argument name: (identifier) @_k value: (_) @target))
  (#any-of? @_k "related_name" "related_query_name")
  (#match? @_f "(ForeignKey|OneToOneField|ManyToManyField|ForeignObject|GenericRelation)$")
  (#set! target "string")
  (#set! role "related-name") (#set! kind "relation") (#set! access "schema"))
