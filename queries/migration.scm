; Names given to the operations of a migration, at any depth below `operations`.

(class_definition
  body: (block
    (expression_statement
      (assignment left: (identifier) @_name right: (expression) @region)))
  (#eq? @_name "operations")
  (#set! region "operations"))

(call
  arguments: (argument_list
    (keyword_argument
      name: (identifier) @_k
      value: [(string) (concatenated_string) (parenthesized_expression)] @target))
  (#any-of? @_k "name" "model_name" "old_name" "new_name")
  (#set! within "operations")
  (#set! role "migration-model") (#set! kind "migration") (#set! access "schema"))

; Only members of a list: `('id', models.CharField('label'))` is a field.
(list
  (call
    arguments: (argument_list . [(string) (concatenated_string) (parenthesized_expression)] @target))
  (#set! within "operations")
  (#set! role "migration-model") (#set! kind "migration") (#set! access "schema"))

(list
  (call
    arguments: (argument_list
      . [(string) (concatenated_string)]
      . [(string) (concatenated_string) (parenthesized_expression)] @target))
  (#set! within "operations")
  (#set! role "migration-model") (#set! kind "migration") (#set! access "schema"))
