/** Generated from crds/batchuploads.yaml (v1alpha1) by `make generate`; do not edit. */

export const POD_TEMPLATE_SCHEMA = {
  "type": "object",
  "properties": {
    "metadata": {
      "type": "object",
      "x-kubernetes-validations": [
        {
          "rule": "!has(self.labels) || self.labels.all(key, !key.startsWith('batchupload.dev/'))",
          "message": "labels that begin with batchupload.dev/ are the operator's: use another prefix",
          "fieldPath": ".labels"
        },
        {
          "rule": "!has(self.annotations) || self.annotations.all(key, !key.startsWith('batchupload.dev/'))",
          "message": "annotations that begin with batchupload.dev/ are the operator's: use another prefix",
          "fieldPath": ".annotations"
        },
        {
          "rule": "!has(self.annotations) || self.annotations.all(key, !key.startsWith('container.apparmor.security.beta.kubernetes.io/'))",
          "message": "annotations that begin with container.apparmor.security.beta.kubernetes.io/ would change the security of the pods: remove them",
          "fieldPath": ".annotations"
        }
      ],
      "properties": {
        "labels": {
          "type": "object",
          "maxProperties": 16,
          "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
          }
        },
        "annotations": {
          "type": "object",
          "maxProperties": 16,
          "additionalProperties": {
            "type": "string",
            "maxLength": 1024
          }
        }
      }
    },
    "spec": {
      "type": "object",
      "properties": {
        "resources": {
          "type": "object",
          "properties": {
            "requests": {
              "type": "object",
              "maxProperties": 8,
              "additionalProperties": {
                "anyOf": [
                  {
                    "type": "integer"
                  },
                  {
                    "type": "string"
                  }
                ],
                "x-kubernetes-int-or-string": true,
                "maxLength": 32,
                "pattern": "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
              }
            },
            "limits": {
              "type": "object",
              "maxProperties": 8,
              "additionalProperties": {
                "anyOf": [
                  {
                    "type": "integer"
                  },
                  {
                    "type": "string"
                  }
                ],
                "x-kubernetes-int-or-string": true,
                "maxLength": 32,
                "pattern": "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
              }
            }
          }
        },
        "nodeSelector": {
          "type": "object",
          "maxProperties": 16,
          "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
          }
        },
        "tolerations": {
          "type": "array",
          "maxItems": 32,
          "x-kubernetes-list-type": "atomic",
          "items": {
            "type": "object",
            "properties": {
              "key": {
                "type": "string",
                "minLength": 1,
                "maxLength": 317,
                "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
              },
              "operator": {
                "type": "string",
                "enum": [
                  "Exists",
                  "Equal"
                ]
              },
              "value": {
                "type": "string",
                "maxLength": 63,
                "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
              },
              "effect": {
                "type": "string",
                "enum": [
                  "NoSchedule",
                  "PreferNoSchedule",
                  "NoExecute"
                ]
              },
              "tolerationSeconds": {
                "type": "integer",
                "format": "int64",
                "maximum": 999999999999999
              }
            }
          }
        },
        "affinity": {
          "type": "object",
          "properties": {
            "nodeAffinity": {
              "type": "object",
              "properties": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                  "type": "object",
                  "required": [
                    "nodeSelectorTerms"
                  ],
                  "properties": {
                    "nodeSelectorTerms": {
                      "type": "array",
                      "minItems": 1,
                      "maxItems": 8,
                      "x-kubernetes-list-type": "atomic",
                      "items": {
                        "type": "object",
                        "properties": {
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317,
                                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist",
                                    "Gt",
                                    "Lt"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 32,
                                  "x-kubernetes-list-type": "atomic",
                                  "items": {
                                    "type": "string",
                                    "maxLength": 253
                                  }
                                }
                              }
                            }
                          },
                          "matchFields": {
                            "type": "array",
                            "maxItems": 16,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317,
                                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist",
                                    "Gt",
                                    "Lt"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 32,
                                  "x-kubernetes-list-type": "atomic",
                                  "items": {
                                    "type": "string",
                                    "maxLength": 253
                                  }
                                }
                              }
                            }
                          }
                        }
                      }
                    }
                  }
                },
                "preferredDuringSchedulingIgnoredDuringExecution": {
                  "type": "array",
                  "maxItems": 8,
                  "x-kubernetes-list-type": "atomic",
                  "items": {
                    "type": "object",
                    "required": [
                      "weight",
                      "preference"
                    ],
                    "properties": {
                      "weight": {
                        "type": "integer",
                        "format": "int32",
                        "minimum": 1,
                        "maximum": 100
                      },
                      "preference": {
                        "type": "object",
                        "properties": {
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317,
                                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist",
                                    "Gt",
                                    "Lt"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 32,
                                  "x-kubernetes-list-type": "atomic",
                                  "items": {
                                    "type": "string",
                                    "maxLength": 253
                                  }
                                }
                              }
                            }
                          },
                          "matchFields": {
                            "type": "array",
                            "maxItems": 16,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317,
                                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist",
                                    "Gt",
                                    "Lt"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 32,
                                  "x-kubernetes-list-type": "atomic",
                                  "items": {
                                    "type": "string",
                                    "maxLength": 253
                                  }
                                }
                              }
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
            },
            "podAffinity": {
              "type": "object",
              "properties": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                  "type": "array",
                  "maxItems": 8,
                  "x-kubernetes-list-type": "atomic",
                  "items": {
                    "type": "object",
                    "required": [
                      "topologyKey"
                    ],
                    "properties": {
                      "labelSelector": {
                        "type": "object",
                        "properties": {
                          "matchLabels": {
                            "type": "object",
                            "maxProperties": 16,
                            "additionalProperties": {
                              "type": "string",
                              "maxLength": 63,
                              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                            }
                          },
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317,
                                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 32,
                                  "x-kubernetes-list-type": "atomic",
                                  "items": {
                                    "type": "string",
                                    "maxLength": 63
                                  }
                                }
                              }
                            }
                          }
                        }
                      },
                      "topologyKey": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 317,
                        "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                      },
                      "matchLabelKeys": {
                        "type": "array",
                        "maxItems": 8,
                        "x-kubernetes-list-type": "atomic",
                        "items": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317,
                          "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                        }
                      },
                      "mismatchLabelKeys": {
                        "type": "array",
                        "maxItems": 8,
                        "x-kubernetes-list-type": "atomic",
                        "items": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317,
                          "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                        }
                      }
                    }
                  }
                },
                "preferredDuringSchedulingIgnoredDuringExecution": {
                  "type": "array",
                  "maxItems": 8,
                  "x-kubernetes-list-type": "atomic",
                  "items": {
                    "type": "object",
                    "required": [
                      "weight",
                      "podAffinityTerm"
                    ],
                    "properties": {
                      "weight": {
                        "type": "integer",
                        "format": "int32",
                        "minimum": 1,
                        "maximum": 100
                      },
                      "podAffinityTerm": {
                        "type": "object",
                        "required": [
                          "topologyKey"
                        ],
                        "properties": {
                          "labelSelector": {
                            "type": "object",
                            "properties": {
                              "matchLabels": {
                                "type": "object",
                                "maxProperties": 16,
                                "additionalProperties": {
                                  "type": "string",
                                  "maxLength": 63,
                                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                                }
                              },
                              "matchExpressions": {
                                "type": "array",
                                "maxItems": 16,
                                "x-kubernetes-list-type": "atomic",
                                "items": {
                                  "type": "object",
                                  "required": [
                                    "key",
                                    "operator"
                                  ],
                                  "properties": {
                                    "key": {
                                      "type": "string",
                                      "minLength": 1,
                                      "maxLength": 317,
                                      "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                    },
                                    "operator": {
                                      "type": "string",
                                      "enum": [
                                        "In",
                                        "NotIn",
                                        "Exists",
                                        "DoesNotExist"
                                      ]
                                    },
                                    "values": {
                                      "type": "array",
                                      "maxItems": 32,
                                      "x-kubernetes-list-type": "atomic",
                                      "items": {
                                        "type": "string",
                                        "maxLength": 63
                                      }
                                    }
                                  }
                                }
                              }
                            }
                          },
                          "topologyKey": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 317,
                            "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                          },
                          "matchLabelKeys": {
                            "type": "array",
                            "maxItems": 8,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 317,
                              "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                            }
                          },
                          "mismatchLabelKeys": {
                            "type": "array",
                            "maxItems": 8,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 317,
                              "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
            },
            "podAntiAffinity": {
              "type": "object",
              "properties": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                  "type": "array",
                  "maxItems": 8,
                  "x-kubernetes-list-type": "atomic",
                  "items": {
                    "type": "object",
                    "required": [
                      "topologyKey"
                    ],
                    "properties": {
                      "labelSelector": {
                        "type": "object",
                        "properties": {
                          "matchLabels": {
                            "type": "object",
                            "maxProperties": 16,
                            "additionalProperties": {
                              "type": "string",
                              "maxLength": 63,
                              "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                            }
                          },
                          "matchExpressions": {
                            "type": "array",
                            "maxItems": 16,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "object",
                              "required": [
                                "key",
                                "operator"
                              ],
                              "properties": {
                                "key": {
                                  "type": "string",
                                  "minLength": 1,
                                  "maxLength": 317,
                                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                },
                                "operator": {
                                  "type": "string",
                                  "enum": [
                                    "In",
                                    "NotIn",
                                    "Exists",
                                    "DoesNotExist"
                                  ]
                                },
                                "values": {
                                  "type": "array",
                                  "maxItems": 32,
                                  "x-kubernetes-list-type": "atomic",
                                  "items": {
                                    "type": "string",
                                    "maxLength": 63
                                  }
                                }
                              }
                            }
                          }
                        }
                      },
                      "topologyKey": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 317,
                        "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                      },
                      "matchLabelKeys": {
                        "type": "array",
                        "maxItems": 8,
                        "x-kubernetes-list-type": "atomic",
                        "items": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317,
                          "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                        }
                      },
                      "mismatchLabelKeys": {
                        "type": "array",
                        "maxItems": 8,
                        "x-kubernetes-list-type": "atomic",
                        "items": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317,
                          "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                        }
                      }
                    }
                  }
                },
                "preferredDuringSchedulingIgnoredDuringExecution": {
                  "type": "array",
                  "maxItems": 8,
                  "x-kubernetes-list-type": "atomic",
                  "items": {
                    "type": "object",
                    "required": [
                      "weight",
                      "podAffinityTerm"
                    ],
                    "properties": {
                      "weight": {
                        "type": "integer",
                        "format": "int32",
                        "minimum": 1,
                        "maximum": 100
                      },
                      "podAffinityTerm": {
                        "type": "object",
                        "required": [
                          "topologyKey"
                        ],
                        "properties": {
                          "labelSelector": {
                            "type": "object",
                            "properties": {
                              "matchLabels": {
                                "type": "object",
                                "maxProperties": 16,
                                "additionalProperties": {
                                  "type": "string",
                                  "maxLength": 63,
                                  "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                                }
                              },
                              "matchExpressions": {
                                "type": "array",
                                "maxItems": 16,
                                "x-kubernetes-list-type": "atomic",
                                "items": {
                                  "type": "object",
                                  "required": [
                                    "key",
                                    "operator"
                                  ],
                                  "properties": {
                                    "key": {
                                      "type": "string",
                                      "minLength": 1,
                                      "maxLength": 317,
                                      "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                                    },
                                    "operator": {
                                      "type": "string",
                                      "enum": [
                                        "In",
                                        "NotIn",
                                        "Exists",
                                        "DoesNotExist"
                                      ]
                                    },
                                    "values": {
                                      "type": "array",
                                      "maxItems": 32,
                                      "x-kubernetes-list-type": "atomic",
                                      "items": {
                                        "type": "string",
                                        "maxLength": 63
                                      }
                                    }
                                  }
                                }
                              }
                            }
                          },
                          "topologyKey": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 317,
                            "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                          },
                          "matchLabelKeys": {
                            "type": "array",
                            "maxItems": 8,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 317,
                              "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                            }
                          },
                          "mismatchLabelKeys": {
                            "type": "array",
                            "maxItems": 8,
                            "x-kubernetes-list-type": "atomic",
                            "items": {
                              "type": "string",
                              "minLength": 1,
                              "maxLength": 317,
                              "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        },
        "topologySpreadConstraints": {
          "type": "array",
          "maxItems": 8,
          "x-kubernetes-list-type": "atomic",
          "items": {
            "type": "object",
            "required": [
              "maxSkew",
              "topologyKey",
              "whenUnsatisfiable"
            ],
            "properties": {
              "maxSkew": {
                "type": "integer",
                "format": "int32",
                "minimum": 1
              },
              "topologyKey": {
                "type": "string",
                "minLength": 1,
                "maxLength": 317,
                "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
              },
              "whenUnsatisfiable": {
                "type": "string",
                "enum": [
                  "DoNotSchedule",
                  "ScheduleAnyway"
                ]
              },
              "labelSelector": {
                "type": "object",
                "properties": {
                  "matchLabels": {
                    "type": "object",
                    "maxProperties": 16,
                    "additionalProperties": {
                      "type": "string",
                      "maxLength": 63,
                      "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
                    }
                  },
                  "matchExpressions": {
                    "type": "array",
                    "maxItems": 16,
                    "x-kubernetes-list-type": "atomic",
                    "items": {
                      "type": "object",
                      "required": [
                        "key",
                        "operator"
                      ],
                      "properties": {
                        "key": {
                          "type": "string",
                          "minLength": 1,
                          "maxLength": 317,
                          "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                        },
                        "operator": {
                          "type": "string",
                          "enum": [
                            "In",
                            "NotIn",
                            "Exists",
                            "DoesNotExist"
                          ]
                        },
                        "values": {
                          "type": "array",
                          "maxItems": 32,
                          "x-kubernetes-list-type": "atomic",
                          "items": {
                            "type": "string",
                            "maxLength": 63
                          }
                        }
                      }
                    }
                  }
                }
              },
              "matchLabelKeys": {
                "type": "array",
                "maxItems": 8,
                "x-kubernetes-list-type": "atomic",
                "items": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 317,
                  "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
                }
              },
              "minDomains": {
                "type": "integer",
                "format": "int32",
                "minimum": 1
              },
              "nodeAffinityPolicy": {
                "type": "string",
                "enum": [
                  "Honor",
                  "Ignore"
                ]
              },
              "nodeTaintsPolicy": {
                "type": "string",
                "enum": [
                  "Honor",
                  "Ignore"
                ]
              }
            }
          }
        },
        "priorityClassName": {
          "type": "string",
          "minLength": 1,
          "maxLength": 253,
          "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
          "x-kubernetes-validations": [
            {
              "rule": "!self.startsWith('system-')",
              "message": "the classes that begin with system- are for Kubernetes itself: use another class"
            }
          ]
        },
        "serviceAccountName": {
          "type": "string",
          "minLength": 1,
          "maxLength": 253,
          "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
        },
        "runtimeClassName": {
          "type": "string",
          "minLength": 1,
          "maxLength": 253,
          "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
        }
      }
    }
  }
};
