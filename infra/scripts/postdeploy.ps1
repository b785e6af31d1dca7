#Requires -Version 7.4
<#
.SYNOPSIS
  Builds the bundle and publishes it to the Function app; azd runs it after "azd deploy" and "azd up". postdeploy.sh does the same for bash.
#>
param(
    # Publish to the app of the next release instead of the present one.
    [switch] $Next,
    # Publish this zip instead of building one.
    [string] $Zip
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true # go, azd and az stop the script too; PowerShell 7.4 is the first to obey it
Set-Location (Join-Path $PSScriptRoot '../..')

# Run by hand, the values come from azd's environment.
function Get-Setting([string] $Name) {
    $value = [Environment]::GetEnvironmentVariable($Name)
    if ($null -eq $value -or $value -eq '') { $value = azd env get-value $Name }
    return $value
}

$group = Get-Setting 'AZURE_RESOURCE_GROUP'
$prefix = if ($Next) { 'AZURE_FUNCTION_NEXT' } else { 'AZURE_FUNCTION' }
$app = Get-Setting "${prefix}_NAME"
$url = Get-Setting "${prefix}_URL"
if (-not $app) { throw 'There is no second app; run: azd env set LATCHKEY_SECOND_APP true && azd provision.' }

if (-not $Zip) {
    go run ./infra/bundle --out dist
    $Zip = 'dist/latchkey-linux-amd64.zip'
}
if (-not (Test-Path -PathType Leaf $Zip)) { throw "There is no file $Zip." }

Write-Output "publish    $Zip to $app"
az functionapp deployment source config-zip --resource-group $group --name $app --src $Zip --output none

# The app answers once the host has loaded the package and the handler has reached what it depends on.
$last = 'nothing'
foreach ($try in 1..30) {
    try {
        $answer = Invoke-WebRequest "$url/api/v1.0/operations/health" -SkipHttpErrorCheck -TimeoutSec 15
        if ($answer.StatusCode -eq 200) {
            Write-Output "healthy    $url"
            exit 0
        }
        $last = "$($answer.StatusCode): $($answer.Content)"
    }
    catch { Write-Verbose "not yet: $_" }
    Start-Sleep -Seconds 5
}
throw "$app was published and is not healthy at $url/api/v1.0/operations/health (last: $last); see docs/operate/stuck-request.md."
