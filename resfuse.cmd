@echo off
rem Runs the resfuse command on Windows; builds it first if it is not built or its sources have changed.
setlocal EnableExtensions DisableDelayedExpansion
set "RESFUSE_HOME=%~dp0"
set "RESFUSE_JAR=%RESFUSE_HOME%target\resfuse.jar"

set "java=%JAVA_HOME%\bin\java.exe"
if not exist "%java%" set "java="
if not defined java for %%j in (java.exe) do set "java=%%~$PATH:j"
if not defined java (
  echo resfuse: no Java found; install a JDK 17 or newer and set JAVA_HOME to its folder>&2
  exit /b 1
)

rem A JDK's release file tells its version without starting a JVM.
set "version="
for %%j in ("%java%") do set "release=%%~dpj..\release"
if exist "%release%" for /f "usebackq tokens=1,2 delims==" %%a in ("%release%") do if "%%a"=="JAVA_VERSION" set "version=%%~b"
if not defined version for /f "tokens=3" %%v in ('""%java%" -version 2^>^&1"') do if not defined version set "version=%%~v"
for /f "delims=.-+" %%v in ("%version%") do set "version=%%v"
if not defined version (
  echo resfuse: "%java%" does not tell its version; install a JDK 17 or newer and set JAVA_HOME to its folder>&2
  exit /b 1
)
if %version% LSS 17 (
  echo resfuse: JDK 17 or newer is needed, "%java%" is %version%; install one and set JAVA_HOME to its folder>&2
  exit /b 1
)

rem For quick starts: as in resfuse, its sibling for Unix.
set "options=-Xshare:auto -XX:+UseSerialGC -XX:-UsePerfData -XX:Tier4InvocationThreshold=50000"
set "options=%options% -XX:Tier4MinInvocationThreshold=6000 -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000"
rem The second lets newer Javas say whether they write to a console.
if %version% GEQ 22 set "options=%options% --enable-native-access=ALL-UNNAMED -Djdk.console=java.base"
rem Classes of the usual commands in the form in which this JVM can map them: starts take half the time.
set "archive=%RESFUSE_HOME%target\resfuse-%version%.jsa"

if exist "%RESFUSE_HOME%pom.xml" (
  call :build_if_stale
  if errorlevel 1 exit /b 1
)
rem The archive is made from a list of the classes: one made of a run (-XX:ArchiveClassesAtExit) lacks those as old as picocli's.
if not exist "%archive%" (
  echo resfuse: keeping classes for quick starts>&2
  "%java%" %options% -Xshare:off "-XX:DumpLoadedClassList=%archive%.txt" -jar "%RESFUSE_JAR%" warm-up > nul 2>&1
  "%java%" -Xshare:dump -XX:+UseG1GC "-XX:SharedClassListFile=%archive%.txt" "-XX:SharedArchiveFile=%archive%.tmp" -cp "%RESFUSE_JAR%" > nul 2>&1
  move /y "%archive%.tmp" "%archive%" > nul 2>&1
  del "%archive%.txt" > nul 2>&1
)
if exist "%archive%" set options=%options% "-XX:SharedArchiveFile=%archive%"

rem RESFUSE_JAVA_OPTS: further options of the JVM.
"%java%" %options% %RESFUSE_JAVA_OPTS% -jar "%RESFUSE_JAR%" %*
exit /b %errorlevel%

:build_if_stale
rem The file "building" is there while a build runs, and after one that was cut short.
if exist "%RESFUSE_JAR%" if not exist "%RESFUSE_HOME%target\building" (
  powershell -NoProfile -Command "$built = (Get-Item -LiteralPath $env:RESFUSE_JAR).LastWriteTimeUtc; cd -LiteralPath $env:RESFUSE_HOME; if (Get-ChildItem pom.xml, src\main, cuda-kernels\ptx -Recurse -File | Where-Object LastWriteTimeUtc -gt $built) { exit 1 }"
  if not errorlevel 1 exit /b 0
)
where mvn > nul 2>&1
if errorlevel 1 (
  echo resfuse: no Maven found; install it and add its bin folder to PATH: https://maven.apache.org/download.cgi>&2
  exit /b 1
)
if not exist "%RESFUSE_HOME%target" mkdir "%RESFUSE_HOME%target"
echo resfuse: building (the first time, Maven downloads about 60 MB of libraries) ...>&2
type nul > "%RESFUSE_HOME%target\building"
call mvn -B -q -f "%RESFUSE_HOME%pom.xml" -Dquick package > "%RESFUSE_HOME%target\build.log" 2>&1
if errorlevel 1 (
  type "%RESFUSE_HOME%target\build.log" >&2
  echo resfuse: the build failed; its log is "%RESFUSE_HOME%target\build.log">&2
  exit /b 1
)
del "%RESFUSE_HOME%target\resfuse-*.jsa" > nul 2>&1
rem The jar is as new as this build, even where Maven found nothing to do.
powershell -NoProfile -Command "(Get-Item -LiteralPath $env:RESFUSE_JAR).LastWriteTimeUtc = [DateTime]::UtcNow"
del "%RESFUSE_HOME%target\building"
exit /b 0
