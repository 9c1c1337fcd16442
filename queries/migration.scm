; Names given to the operations of a migration, at any depth below `operations`.

(assignment left: (identifier) @_name right: (_) @target
  (#eq? @_name "operations")
  (#set! class "*")
  (#set! region "operations"))

(keyword_argument name: (identifier) @_k value: (_) @target
  (#any-of? @_k "name" "model_name" "old_name" "new_name")
  (#set! within "operations") (#set! target "string")
  (#set! role "migration-model") (#set! kind "migration") (#set! access "schema"))

; Only members of a list: `('id', models.CharField('label'))` is a field.
(list
  (call arguments: (argument_list . (string) @target))
  (#set! within "operations")
  (#set! role "migration-model") (#set! kind "migration") (#set! access "schema"))

(list
  (call arguments: (argument_list . (string) . (string) @target))
  (#set! within "operations")
  (#set! role "migration-model") (#set! kind "migration") (#set! access "schema"))
