; Strings of the settings that say what is installed and where tables live.

(assignment left: (identifier) @_name right: [(list (_) @target) (tuple (_) @target)]
  (#any-of? @_name "INSTALLED_APPS" "DATABASE_ROUTERS")
  (#set! target "string")
  (#set! role "settings-string"))

(augmented_assignment left: (identifier) @_name right: [(list (_) @target) (tuple (_) @target)]
  (#any-of? @_name "INSTALLED_APPS" "DATABASE_ROUTERS")
  (#set! target "string")
  (#set! role "settings-string"))

(assignment left: (identifier) @_name right: (dictionary (pair key: (_) @target))
  (#eq? @_name "DATABASES")
  (#set! target "string")
  (#set! role "settings-string"))
