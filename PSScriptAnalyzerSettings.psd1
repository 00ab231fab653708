@{
    IncludeDefaultRules = $true
    ExcludeRules        = @(
        # It cannot follow a variable from the BeforeAll block of a Pester test to the It block that uses it.
        'PSUseDeclaredVarsMoreThanAssignments'
    )
    # Off by default, and worth having.
    Rules               = @{
        PSAvoidSemicolonsAsLineTerminators        = @{ Enable = $true }
        PSAvoidUsingDoubleQuotesForConstantString = @{ Enable = $true }
        PSPlaceOpenBrace                          = @{ Enable = $true }
        PSPlaceCloseBrace                         = @{ Enable = $true }
        PSUseConsistentIndentation                = @{ Enable = $true }
        PSUseConsistentWhitespace                 = @{ Enable = $true; IgnoreAssignmentOperatorInsideHashTable = $true }
    }
}
