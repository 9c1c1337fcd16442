; South, which migrated databases before Django did.

(call
  function: (attribute
    object: [(identifier) @_o (attribute attribute: (identifier) @_o)]
    attribute: (identifier) @_f)
  arguments: (argument_list . (_) @target)
  (#eq? @_o "db")
  (#any-of? @_f
    "create_table" "delete_table" "rename_table" "clear_table"
    "add_column" "alter_column" "delete_column" "rename_column"
    "create_index" "delete_index" "create_unique" "delete_unique"
    "create_primary_key" "delete_primary_key" "delete_foreign_key" "foreign_key_sql")
  (#set! target "string")
  (#set! role "south-table") (#set! kind "migration") (#set! access "schema"))

(subscript
  value: [(identifier) @_orm (attribute attribute: (identifier) @_orm)]
  subscript: (string) @target
  (#eq? @_orm "orm")
  (#set! role "south-orm") (#set! kind "migration"))

(assignment left: (identifier) @_name right: (dictionary (pair key: (_) @target))
  (#eq? @_name "models")
  (#set! class "*") (#set! target "string")
  (#set! role "south-frozen") (#set! kind "migration") (#set! access "schema"))
